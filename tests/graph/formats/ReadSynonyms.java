import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.io.Reader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.apache.lucene.analysis.Analyzer;
import org.apache.lucene.analysis.TokenStream;
import org.apache.lucene.analysis.core.KeywordAnalyzer;
import org.apache.lucene.analysis.core.WhitespaceAnalyzer;
import org.apache.lucene.analysis.custom.CustomAnalyzer;
import org.apache.lucene.analysis.standard.StandardAnalyzer;
import org.apache.lucene.analysis.synonym.SolrSynonymParser;
import org.apache.lucene.analysis.synonym.SynonymMap;
import org.apache.lucene.analysis.tokenattributes.CharTermAttribute;
import org.apache.lucene.store.ByteArrayDataInput;
import org.apache.lucene.util.BytesRef;
import org.apache.lucene.util.CharsRefBuilder;
import org.apache.lucene.util.IntsRefBuilder;
import org.apache.lucene.util.fst.Util;

/**
 * What an engine's own parser makes of a synonym file.
 *
 * Arguments: engine (lucene, elasticsearch, opensearch or solr), tokens (keyword, whitespace or standard), the file.
 * Each line of standard input is a term; out comes a line "term TAB synonym TAB synonym …", or an exception.
 */
public class ReadSynonyms {
    public static void main(String[] args) throws Exception {
        Analyzer tokens = switch (args[1]) {
            case "keyword" -> new KeywordAnalyzer();
            case "whitespace" -> new WhitespaceAnalyzer();
            default -> new StandardAnalyzer();
        };
        Path file = Path.of(args[2]);
        PrintStream out = new PrintStream(System.out, false, StandardCharsets.UTF_8);
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        if (args[0].equals("solr")) {
            searched(file, args[1], in, out);
        } else {
            looked(parsed(args[0], tokens, file), in, out);
        }
        out.flush();
    }

    static SynonymMap parsed(String engine, Analyzer tokens, Path file) throws Exception {
        SolrSynonymParser parser = switch (engine) {
            case "lucene" -> new SolrSynonymParser(true, true, tokens);
            case "elasticsearch" -> theirs("org.elasticsearch.analysis.common.ESSolrSynonymParser", tokens);
            default -> theirs("org.opensearch.analysis.common.OpenSearchSolrSynonymParser", tokens);
        };
        try (Reader reader = Files.newBufferedReader(file, StandardCharsets.UTF_8)) {
            parser.parse(reader);
        }
        return parser.build();
    }

    /** Expanding, strict: a label without tokens is an error. */
    static SolrSynonymParser theirs(String name, Analyzer tokens) throws Exception {
        return (SolrSynonymParser) Class.forName(name)
            .getConstructor(boolean.class, boolean.class, boolean.class, Analyzer.class)
            .newInstance(true, true, false, tokens);
    }

    static void looked(SynonymMap map, BufferedReader in, PrintStream out) throws Exception {
        for (String term = in.readLine(); term != null; term = in.readLine()) {
            StringBuilder line = new StringBuilder(term);
            BytesRef found = Util.get(map.fst, Util.toUTF32(term, new IntsRefBuilder()));
            if (found != null) {
                ByteArrayDataInput data = new ByteArrayDataInput(found.bytes, found.offset, found.length);
                int count = data.readVInt() >>> 1;
                CharsRefBuilder chars = new CharsRefBuilder();
                BytesRef word = new BytesRef();
                for (int i = 0; i < count; i++) {
                    chars.copyUTF8Bytes(map.words.get(data.readVInt(), word));
                    line.append('\t').append(chars.toString());
                }
            }
            out.println(line);
        }
    }

    /** As a Solr schema says it: the synonym graph filter behind a tokenizer; out come the tokens of the text. */
    static void searched(Path file, String tokens, BufferedReader in, PrintStream out) throws Exception {
        String factory = "org.apache.lucene.analysis." + switch (tokens) {
            case "keyword" -> "core.KeywordTokenizerFactory";
            case "whitespace" -> "core.WhitespaceTokenizerFactory";
            default -> "standard.StandardTokenizerFactory";
        };
        CustomAnalyzer analyzer = CustomAnalyzer.builder(file.getParent())
            .withTokenizer(tokens)
            .addTokenFilter("synonymGraph", "synonyms", file.getFileName().toString(), "format", "solr",
                "expand", "true", "tokenizerFactory", factory)
            .build();
        for (String term = in.readLine(); term != null; term = in.readLine()) {
            StringBuilder line = new StringBuilder(term);
            try (TokenStream stream = analyzer.tokenStream("field", term)) {
                CharTermAttribute token = stream.addAttribute(CharTermAttribute.class);
                stream.reset();
                while (stream.incrementToken()) {
                    line.append('\t').append(token);
                }
                stream.end();
            }
            out.println(line);
        }
    }
}
